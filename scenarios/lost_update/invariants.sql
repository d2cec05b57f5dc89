-- Tasks are named after the amounts that they deposit.

-- name: every deposit that reported success is in the balance
select balance, deposits.should_be
from account
cross join (
    select 100 + coalesce(sum(case task when 'ten' then 10 when 'twenty' then 20 end), 0) as should_be
    from outcome
    where outcome = 'value'
) as deposits
where balance <> deposits.should_be;
