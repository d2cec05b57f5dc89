-- Tasks are named after those whom they invite.

-- name: an invitation that was reported as saved is there
select task
from outcome
where task in ('ann', 'ben', 'cleo') and outcome = 'value' and not exists (select from invitation where name = task);

-- name: an invitation that was reported as failed is not there
select task, error_type
from outcome
where task in ('ann', 'ben', 'cleo') and outcome <> 'value' and exists (select from invitation where name = task);

-- name: nobody is invited twice
select name, count(*) from invitation group by name having count(*) > 1;

-- name: when main reported success, all three are invited
select invited
from outcome
cross join (select count(distinct name) as invited from invitation) as found
where task = 'main' and outcome = 'value' and invited <> 3;
