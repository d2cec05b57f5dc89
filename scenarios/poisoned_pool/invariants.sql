-- name: requests that share nothing with anybody are served
select task, error_type, error_message
from outcome
where task in ('ben', 'cleo') and outcome <> 'value';

-- name: prices are those that the owner set
select name, price
from item
where (id, price) not in ((1, 40), (2, 80));
