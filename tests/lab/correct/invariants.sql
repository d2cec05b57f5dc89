-- name: every visit that reported success is there, once
select task from outcome
where task like 'visit %' and outcome = 'value' and (select count(*) from visit where visitor = task) <> 1;

-- name: no visit that reported failure is there
select task from outcome
where task like 'visit %' and outcome <> 'value' and exists (select from visit where visitor = task);

-- name: every deposit that reported success is in the balance
select sum(balance) from account
having sum(balance) <> 200 + (select count(*) from outcome where task like 'deposit %' and outcome = 'value') * 10;

-- name: each job is done once, if anybody works
select id, done from job
where done > 1 or (done = 0 and exists (select from outcome where task like 'worker %'));
