-- Requests are named after the users whose visits they record.

-- name: a request that reported success has its visit recorded
select users.name
from users
join outcome on outcome.task = users.name and outcome.outcome = 'value'
where not exists (select from visit where visit.visitor = users.name);
