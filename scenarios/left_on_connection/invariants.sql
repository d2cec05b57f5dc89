-- name: a guest's note belongs to no tenant
select author, tenant from note where author = 'guest' and tenant <> '';

-- name: a tenant's note is the tenant's own
select author, tenant from note where author = 'ann' and tenant <> 'ann';

-- name: nobody's note is there twice
select author, count(*) from note group by author having count(*) > 1;
