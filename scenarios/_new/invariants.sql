-- name: every deposit that reported success is in the balance
select balance
from account
where balance < 100
    + case when exists (select from outcome where task = 'ten' and outcome = 'value') then 10 else 0 end
    + case when exists (select from outcome where task = 'twenty' and outcome = 'value') then 20 else 0 end;
