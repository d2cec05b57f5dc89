-- Tasks have the names of the items that they add. The main task reports, once all is committed.

-- name: a task that reported success has added its item
select task
from outcome
where task in ('lamp', 'chair')
  and outcome = 'value'
  and exists (select from outcome as report where report.task = 'main' and report.outcome = 'value')
  and not exists (select from line where item = task);

-- name: a task that reported failure has added nothing
select task, error_message
from outcome
where task in ('lamp', 'chair') and outcome = 'error' and exists (select from line where item = task);
