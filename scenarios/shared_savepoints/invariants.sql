-- Tasks have the names of the products that they import; the supplier has no lamps.

-- name: a product that was reported as imported is there
select task
from outcome
where task = 'chair' and outcome = 'value' and not exists (select from product where name = task);

-- name: a product that was skipped is not there
select name
from product
where name = 'lamp';
