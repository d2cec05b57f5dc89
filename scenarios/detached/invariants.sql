-- name: a change that was reported as failed has not been made
select name
from customer
where name = 'anna' and exists (select from outcome where task = 'page' and outcome = 'error');
