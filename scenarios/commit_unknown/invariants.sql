-- The task that places ann's order is called ann.

-- name: an order that was reported as placed is there
select task from outcome where task = 'ann' and outcome = 'value' and not exists (select from orders);

-- name: an order is placed once at most
select customer, count(*) from orders group by customer having count(*) > 1;
