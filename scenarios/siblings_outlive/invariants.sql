-- name: the only error is the one that says what is wrong: there is no sofa
select task, error_type, error_message
from outcome
where outcome = 'error' and error_type <> 'NotFoundError';
