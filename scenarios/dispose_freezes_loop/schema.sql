create table setting (
    id integer primary key,
    name text not null
);

insert into setting (id, name) values (1, 'currency'), (2, 'language');
