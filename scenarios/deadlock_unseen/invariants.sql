-- The tasks sale and return each change the stock: one less, one more.

-- name: every change that was reported as done is in the stock
select amount
from stock
cross join (
    select 10 + coalesce(sum(case task when 'sale' then -1 when 'return' then 1 end), 0) as should_be
    from outcome
    where outcome = 'value'
) as changes
where amount <> changes.should_be;
