-- name: an order is there whole or not at all
select string_agg(name, ', ' order by name) as there from part having count(*) not in (0, 3);
