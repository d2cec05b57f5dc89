create table job (
    id integer primary key,
    name text not null
);

insert into job (id, name) values (1, 'report'), (2, 'backup');
