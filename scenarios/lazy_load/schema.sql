create table orders (
    id integer primary key,
    customer text not null
);

create table line (
    id integer primary key,
    order_id integer not null references orders,
    product text not null
);

insert into orders (id, customer) values (1, 'ann');
insert into line (id, order_id, product) values (1, 1, 'lamp'), (2, 1, 'chair');
