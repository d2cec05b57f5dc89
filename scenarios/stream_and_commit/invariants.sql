-- name: a run that reported success has sent every invoice
select id from orders where not invoiced and exists (select from outcome where task = 'invoices' and outcome = 'value');

-- name: an address that was reported as changed has been changed
select address
from subscriber
where id = 1 and address <> '2 New Street' and exists (select from outcome where task = 'ben' and outcome = 'value');
