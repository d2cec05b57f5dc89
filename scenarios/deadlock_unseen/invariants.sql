-- The tasks sale and return each change the stock, from 10: one less, one more. A change may be there before its task
-- has heard that it is.

-- name: every change that was reported as done is in the stock
select amount
from stock
where amount not between
    9 + (select count(*) from outcome where task = 'return' and outcome = 'value')
    and 11 - (select count(*) from outcome where task = 'sale' and outcome = 'value');
