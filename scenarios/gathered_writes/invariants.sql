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
select count(distinct name) from invitation
where (select outcome = 'value' from outcome where task = 'main')
having count(distinct name) <> 3;
