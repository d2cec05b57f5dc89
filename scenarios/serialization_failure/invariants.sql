-- name: somebody is on call
select 'nobody is on call' where not exists (select from doctor where on_call);

-- name: a doctor who was told that signing off failed is on call
select task from outcome join doctor on doctor.name = task where outcome.outcome = 'error' and not on_call;

-- name: every patient who was reported as counted is counted, and nobody else
select patients
from today
where patients <> (select count(*) from outcome where task in ('first', 'second') and outcome = 'value');
