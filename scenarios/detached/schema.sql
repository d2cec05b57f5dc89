create table customer (
    id integer primary key,
    name text not null
);

create table orders (
    id integer generated always as identity primary key,
    customer_id integer not null references customer,
    product text not null
);

insert into customer (id, name) values (1, 'ann');
insert into orders (customer_id, product) values (1, 'lamp'), (1, 'chair');
