-- name: a run that reported success has sent every invoice
select id from orders where not invoiced and exists (select from outcome where task = 'invoices' and outcome = 'value');
