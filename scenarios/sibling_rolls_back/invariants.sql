-- name: an order that was reported as placed is there, and paid
select task
from outcome
where task = 'order' and outcome = 'value' and not exists (select from orders where paid);

-- name: every order is paid for
select id, item
from orders
where not paid;
