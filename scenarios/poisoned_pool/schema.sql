create table item (
    id integer primary key,
    name text not null,
    price integer not null
);

insert into item values (1, 'lamp', 40), (2, 'chair', 80);
