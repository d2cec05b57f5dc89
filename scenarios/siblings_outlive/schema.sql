create table product (
    id integer primary key,
    name text not null,
    price integer not null
);

insert into product (id, name, price) values (1, 'lamp', 30);
