create table orders (
    id integer primary key,
    state text not null
);

create table item (
    id integer generated always as identity primary key,
    order_id integer not null references orders,
    line integer not null,
    product text not null
);

insert into orders (id, state) values (1, 'open');
