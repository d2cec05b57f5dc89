create table product (
    id integer primary key,
    name text not null,
    stock integer not null
);

create table visit (
    product_id integer not null,
    seen timestamptz not null default now()
);

create sequence ticket;

insert into product (id, name, stock) values (1, 'tea', 3);
