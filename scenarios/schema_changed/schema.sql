create type state as enum ('on sale', 'sold out');

create table item (
    id integer primary key,
    price integer not null,
    state state not null
);

insert into item (id, price, state) values (1, 90, 'on sale');
