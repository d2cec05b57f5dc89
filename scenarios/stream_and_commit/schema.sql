create table orders (
    id integer primary key,
    invoiced boolean not null default false
);

insert into orders (id) select generate_series(1, 5);
