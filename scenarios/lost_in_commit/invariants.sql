-- name: a task that reported success has its visit recorded
select task
from outcome
where task in ('ann', 'ben') and outcome = 'value' and not exists (select from visit where visitor = task);
