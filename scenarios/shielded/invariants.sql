-- The task that answers the request is called request, the one that is shielded is called payment.

-- name: a payment that was reported as done is recorded, once
select task
from outcome
where task = 'payment' and outcome = 'value' and (select count(*) from payment) <> 1;
