create table price (item text primary key, amount integer not null);
insert into price values ('lamp', 30);

-- What an order consists of: a row in each, and all of them with the same price.
create table shipment (order_id integer primary key, amount integer not null);
create table payment (order_id integer primary key, amount integer not null);
create table points (order_id integer primary key, amount integer not null);

-- `two_phase` writes down here what is to become of an order: the first one to say so is right.
create table decision (order_id integer primary key, placed boolean not null);

-- How long a query takes: `timing` sets it, the others find 0.
create table pace (seconds double precision not null);
insert into pace values (0);

-- Stable: within one statement it sees what the statement sees, and nothing newer.
create function price_of(wanted text) returns integer stable language plpgsql as $$
begin
    if (select seconds > 0 from pace) then
        perform pg_sleep((select seconds from pace));
    end if;
    return (select amount from price where item = wanted);
end
$$;
