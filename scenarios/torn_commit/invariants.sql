-- name: every order has an invoice, or it is known that one is due
select id, customer
from orders
where not exists (select from invoice where order_id = orders.id)
  and not exists (select from payable where order_id = orders.id);

-- name: every invoice has an order
select order_id, customer
from invoice
where not exists (select from orders where id = order_id);
