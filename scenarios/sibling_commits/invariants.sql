-- name: every order is paid for
select id, item
from orders
where not paid;

-- name: a visit that was reported as noted is noted
select task
from outcome
where outcome = 'value'
  and (task = 'visit' or (task = 'main' and not exists (select from outcome where task = 'visit')))
  and not exists (select from visit);
