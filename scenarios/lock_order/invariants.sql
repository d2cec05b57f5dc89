-- Tasks are named after the transfers they make.

-- name: no money appears or disappears
select sum(balance) from account having sum(balance) <> 200;

-- name: a transfer that was reported as done is in the books, once
select task
from outcome
where task in ('rent', 'refund') and outcome = 'value' and (select count(*) from transfer where name = task) <> 1;

-- name: a transfer that was reported as failed is not in the books
select task
from outcome
where outcome <> 'value' and exists (select from transfer where name = task);
