-- name: a sale that reported success is out of the stock
select stock
from product
where id = 1
  and stock > 3 - (select count(*) from outcome where task = 'sell' and outcome = 'value');

-- name: a visit that reported success is counted
select task
from outcome
where task = 'visit' and outcome = 'value' and not exists (select from visit);
