-- Tasks are named after the guests whose bookings they make.

-- name: a booking that was reported as made is there
select task
from outcome
where task in ('ann', 'ben') and outcome = 'value' and not exists (select from booking where guest = task);

-- name: every booking has its audit entry
select guest from booking where not exists (select from audit where entry = 'booked for ' || guest);
