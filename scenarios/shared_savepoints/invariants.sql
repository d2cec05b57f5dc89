-- Tasks have the names of the products that they import. The main task reports, once it has committed. The supplier has no
-- lamps.

-- name: a product that was reported as imported is there
select 'chair' as product
where exists (select from outcome where task = 'main' and outcome = 'value')
  and not exists (select from outcome where task = 'chair' and outcome <> 'value')
  and not exists (select from product where name = 'chair');

-- name: a product that was skipped is not there
select name
from product
where name = 'lamp';
