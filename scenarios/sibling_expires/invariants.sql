-- name: a visit is noted once
select count(*) as noted
from visit
having count(*) <> 1;
