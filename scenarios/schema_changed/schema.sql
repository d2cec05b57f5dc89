create table item (
    id integer primary key,
    price integer not null
);

insert into item (id, price) values (1, 90);
