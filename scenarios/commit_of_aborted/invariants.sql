-- The task that signs ann up is called ann.

-- name: a sign-up that was reported as done is there
select task
from outcome
where task = 'ann' and outcome = 'value' and not exists (select from signup where name = 'ann');
