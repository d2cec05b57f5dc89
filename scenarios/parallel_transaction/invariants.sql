-- name: an order is there whole or not at all
select order_id, string_agg(part, ', ') as parts
from (
    select order_id, 'shipment' as part from shipment
    union all select order_id, 'payment' from payment
    union all select order_id, 'points' from points
) as parts
group by order_id
having count(*) <> 3;

-- name: all parts of an order have the same price
select order_id, array_agg(amount) as amounts
from (select * from shipment union all select * from payment union all select * from points) as parts
group by order_id
having min(amount) <> max(amount);

-- name: an order that was reported as placed is there
select task
from outcome
where task = 'order' and outcome = 'value' and (select count(*) from payment) <> 1;

-- name: nothing stays prepared
select gid
from pg_prepared_xacts;
