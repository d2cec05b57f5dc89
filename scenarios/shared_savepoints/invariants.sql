-- Tasks have the names of the products that they import; where none does, the main task answers for all. The supplier has
-- no lamps.

-- name: a product that was reported as imported is there
select task
from outcome
where outcome = 'value'
  and (task = 'chair' or (task = 'main' and not exists (select from outcome where task = 'chair')))
  and not exists (select from product where name = 'chair');

-- name: a product that was skipped is not there
select name
from product
where name = 'lamp';
