-- name: whoever only reads is not told of somebody else's duplicate
select task, error_type
from outcome
where task = 'greet' and outcome <> 'value';
