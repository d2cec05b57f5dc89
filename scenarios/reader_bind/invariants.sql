-- name: the lines of an order are numbered
select order_id, line, count(*), string_agg(product, ' and ' order by product)
from item
group by order_id, line
having count(*) > 1;

-- name: an order that was closed has its items
select id
from orders
where state = 'closed' and not exists (select from item where order_id = orders.id);
