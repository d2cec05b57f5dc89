-- name: a change that was reported as failed has not been made
select customer
from orders
where customer = 'anna' and exists (select from outcome where task = 'main' and outcome = 'error');
