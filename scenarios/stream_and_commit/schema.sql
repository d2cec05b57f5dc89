create table orders (
    id integer primary key,
    invoiced boolean not null default false
);

insert into orders (id) select generate_series(1, 5);

create table subscriber (
    id integer primary key,
    address text not null default '1 Old Street',
    sent boolean not null default false
);

insert into subscriber (id) select generate_series(1, 120);
