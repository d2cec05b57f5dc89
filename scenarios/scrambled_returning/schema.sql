create table item (
    sku text primary key,
    name text not null,
    place text not null
);

create table shown (
    number integer generated always as identity primary key,
    item text,
    name text,
    place text
);

insert into item (sku, name, place) values ('l1', 'lamp', 'shelf'), ('c1', 'chair', 'hall'), ('t1', 'table', 'cellar');
