-- name: what a request was shown is what the table has
select shown.item, shown.name as shown_name, shown.place as shown_place, item.name, item.place
from shown
left join item on item.sku = lower(shown.item)
where (shown.name, shown.place) is distinct from (item.name, item.place);
