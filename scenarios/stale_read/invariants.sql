-- Tasks that deposit are named after their amounts, one that opens an account after its owner.

-- name: every deposit that reported success is in the balance
select balance, deposits.should_be
from account
cross join (
    select 100 + coalesce(sum(case task when 'ten' then 10 when 'twenty' then 20 end), 0) as should_be
    from outcome
    where outcome = 'value'
) as deposits
where id = 1 and balance < deposits.should_be;

-- name: who was told that opening an account failed has none
select task, error_message
from outcome
join account on account.owner = outcome.task
where outcome = 'error';
