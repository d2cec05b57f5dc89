create table orders (
    id integer generated always as identity primary key,
    customer text not null
);

create table product (
    id integer primary key,
    name text not null
);

insert into product (id, name) values (1, 'lamp'), (2, 'chair');
