-- Of the shop. That a customer is known is checked when the transaction ends.
create table customer (
    name text primary key
);

create table orders (
    id integer primary key,
    customer text not null references customer deferrable initially deferred
);

create table payable (
    order_id integer primary key,
    customer text not null
);

-- Of billing.
create table invoice (
    order_id integer primary key,
    customer text not null
);

insert into customer (name) values ('ann');
