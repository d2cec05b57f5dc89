-- Programs that write name their tasks after the users whose visits they record.

-- name: a task that reported success has its visit recorded
select users.name
from users
join outcome on outcome.task = users.name and outcome.outcome = 'value'
where not exists (select from visit where visit.visitor = users.name);

-- name: a task that reported failure has no visit recorded
select users.name, outcome.error_type, outcome.error_message
from users
join outcome on outcome.task = users.name and outcome.outcome <> 'value'
where exists (select from visit where visit.visitor = users.name);

-- name: the visits of one request are recorded together, once each, or not at all
select count(*) as recorded, array_agg(visitor order by visitor) as visitors
from visit
having count(*) not in (0, 3) or count(*) <> count(distinct visitor);
