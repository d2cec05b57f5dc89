-- The task that sends the mail is called mail.

-- name: a mail that was reported as sent is recorded
select task
from outcome
where task = 'mail' and outcome = 'value' and not exists (select from mail where recipient = 'ann');
