-- Tasks are named after the amounts that they deposit. One may be in the balance before its task has heard that it is.

-- name: every deposit that reported success is in the balance
select balance, string_agg(possible::text, ' or ' order by possible) as should_be
from account
cross join (
    select count(*) filter (where task = 'ten') as ten, count(*) filter (where task = 'twenty') as twenty
    from outcome
    where outcome = 'value'
) as reported
cross join lateral (
    select 100 + a * 10 + b * 20 as possible
    from generate_series(ten, 1) as a
    cross join generate_series(twenty, 1) as b
) as balances
group by balance
having balance <> all (array_agg(possible));
